// The texts: an answer as models write it, repeated with variations, and single blocks that are
// enormous. The same characters in every run.

function answer(n: number): string {
  return `## ${n}. Sorting in linear time, part ${n}

To sort **${n * 10} integers** you can often avoid comparisons *entirely*. The trick, known since ${1950 + (n % 60)}, is to
use the value as an \`index\`; see [the article](https://example.com/article/${n} "Article") or <https://example.org/${n}>.
Costs are $O(n + k)$, where $k = ${n}$ is the largest key, and you pay about $5 or $6 for the memory.

1. Count how often each key occurs.
2. Add up the counts, so that \`count[i]\` says where key **i** begins:
   - stable, if you go backwards
   - *not* in place
     - needs \`O(n)\` extra space
3. Move every element to its place.

\`\`\`python
def counting_sort(values: list[int], largest: int = ${n}) -> list[int]:
    """Sort small integers."""
    counts = [0] * (largest + 1)
    for value in values:
        counts[value] += 1  # how often
    return [key for key, count in enumerate(counts) for _ in range(count)]
\`\`\`

| Method | Time | Space | Stable |
|:-------|-----:|------:|:------:|
| counting ${n} | \`O(n+k)\` | \`O(k)\` | yes |
| radix | O(d·n) | O(n) | **yes** |
| quick | O(n log n) | O(log n) | ~~yes~~ no |

> **Note:** for ${n} or fewer elements insertion sort is faster, whatever the
> theory says about it.

- [x] measured on ${n} machines
- [ ] proven

The total for part ${n} is

$$
T(n) = \\sum_{i=1}^{${n}} \\frac{c_i}{n} + O(1)
$$

and so it pays to measure first. What holds for integers holds for strings as well, with one more loop over their
characters; the constant is what decides, and it depends on the cache more than on anything you can write down here.

`;
}

function repeat(length: number, piece: (n: number) => string, head = ""): string {
  let out = head;
  for (let n = 1; out.length < length; n++) out += piece(n);
  return out.slice(0, length);
}

const lines = (count: number, line: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => line(n)).join("");

export function texts(specification: string): Record<string, string> {
  return {
    "8k": repeat(8_000, answer),
    "20k": repeat(20_000, answer),
    "100k": repeat(100_000, answer),
    "400k": repeat(400_000, answer),
    specification,
    "code 3000 lines": `\`\`\`python\n${lines(3000, (n) => `    total_${n} = compute(${n}, "key ${n}")  # step ${n}\n`)}`,
    "table 2000 rows": `| n | name | value | note |\n|--:|------|------:|------|\n${lines(2000, (n) => `| ${n} | name ${n} | ${n * 17} | a **note** on \`${n}\` |\n`)}`,
    "list 2000 items": lines(2000, (n) => `- item **${n}** with \`code\` and some more text\n`),
    "paragraph 100k": repeat(
      100_000,
      (n) =>
        `Sentence ${n} goes on with **bold** words, \`code\` and a [link](https://example.com/${n}). `,
    ),
  };
}

/** One of everything, to look at. */
export const showcase = `# Sorting without comparisons

You asked how to sort **ten million integers** quickly. The short answer: *count them*. The trick is to use the
value itself as an \`index\`, as [the article](https://example.com/counting) explains[^1]; see also https://example.org/a_b.

1. Count how often each key occurs.
2. Add up the counts:
   - stable, if you go backwards
   - ~~in place~~ *not* in place
3. Move every element to its place, pressing <kbd>Ctrl</kbd>+<kbd>C</kbd> when it takes too long.

## Code

\`\`\`python
@njit
def counting_sort(values: list[int], largest: int = 100) -> list[int]:
    """Sort small integers."""
    counts = [0] * (largest + 1)
    for value in values:
        counts[value] += 1  # how often
    print(f"{len(values)} values", 3.14, None, True)
    return [key for key, count in enumerate(counts) for _ in range(count)]
\`\`\`

### Comparison

| Method | Time | Space | Stable |
|:-------|-----:|------:|:------:|
| counting | \`O(n+k)\` | \`O(k)\` | yes |
| radix | O(d·n) | O(n) | **yes** |
| quick | O(n log n) | O(log n) | no |

> **Note:** for sixteen or fewer elements insertion sort is faster, whatever the
> theory says about it.
>
> - measured
> - not proven

- [x] measured on 12 machines, for $5 to $6 an hour
- [ ] proven

The total for $k = 2^{16}$ keys is

$$
T(n) = \\sum_{i=1}^{n} \\frac{c_i}{\\sqrt{n}} + \\int_0^1 f(x)\\,dx + \\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}
$$

A remote picture: ![plot of the results](https://example.com/plot.png)

<details open><summary>More</summary>

Hidden *until* asked for. The end of **a list**:

- a loose item

- another

</details>

---

#### Smaller heading

Done. A relative [link](other.md) goes nowhere.

[^1]: It is from 1954; the *first* known program is older.
`;

/** Texts made to cost much, of about `length` characters. */
export function hostileTexts(length: number): Record<string, string> {
  const fill = (piece: string): string => piece.repeat(Math.ceil(length / piece.length));
  return {
    "nested quotes": fill(`${"> ".repeat(500)}x\n\n`),
    "nested lists": fill(`${"- ".repeat(500)}x\n\n`),
    "deep indents": fill(
      Array.from({ length: 60 }, (_, n) => `${" ".repeat(n * 2)}- x\n`).join(""),
    ),
    brackets: fill("["),
    images: fill("![a]("),
    emphasis: fill("*a **b _c "),
    backticks: fill("` `` ``` a "),
    tags: fill('<a b="'),
    formulas: fill("$a \\(b "),
    cells: fill(`|${"a|".repeat(100)}\n|${"-|".repeat(100)}\n`),
    references: fill("[a]: b\n\n[c][d] "),
  };
}
