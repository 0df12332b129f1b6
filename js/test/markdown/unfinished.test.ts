import { expect, test } from "vitest";
import { createMarkdown } from "../../src/markdown";
import { meaning } from "./canonical";

/** What is there of an answer, and how it is drawn until more comes. */
const cases: Array<[string, string]> = [
  ["some **bold te", "<p>some <strong>bold te</strong></p>"],
  ["some **bold text*", "<p>some <strong>bold text</strong></p>"],
  ["some *em and **both", "<p>some <em>em and <strong>both</strong></em></p>"],
  ["*This was the **demo", "<p><em>This was the <strong>demo</strong></em></p>"],
  ["*This was the **demo*", "<p><em>This was the <strong>demo</strong></em></p>"],
  ["*This was the **demo** and", "<p><em>This was the <strong>demo</strong> and</em></p>"],
  ["**Bold and *both", "<p><strong>Bold and <em>both</em></strong></p>"],
  ["***both", "<p><em><strong>both</strong></em></p>"],
  ["__Bold and _both", "<p><strong>Bold and <em>both</em></strong></p>"],
  ["2 * 3 and 4 *", "<p>2 * 3 and 4</p>"],
  ["a `code sp", "<p>a <code >code sp</code></p>".replace("<code >", "<code>")],
  ["~~gone", "<p><del>gone</del></p>"],
  ["see [the page](https://exam", "<p>see <a >the page</a></p>"],
  ["see [the pa", "<p>see <a >the pa</a></p>"],
  ["as shown in [1", "<p>as shown in [1</p>"],
  ["array[ind", "<p>array[ind</p>"],
  ["press <kb", "<p>press</p>"],
  ["if a <b and c> d", "<p>if a <b and c> d</p>"],
  ["AT&am", "<p>AT</p>"],
  ["Text\n\n|", "<p>Text</p>"],
  ["| Name | Val", "<table><thead><tr><th>Name</th><th>Val</th></tr></thead></table>"],
  ["| a | b |\n|--", "<table><thead><tr><th>a</th><th>b</th></tr></thead></table>"],
  [
    "| a | b |\n|---|---|\n| 1 | **tw",
    "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td><strong>tw</strong></td></tr></tbody></table>",
  ],
  ["Text\n--", "<p>Text</p>"],
  ["Text\n=", "<p>Text</p>"],
  ["Text\n``", "<p>Text</p>"],
  ["Text\n1", "<p>Text</p>"],
  ["Text\n\n## Hea", "<p>Text</p><h2>Hea</h2>"],
  ["```pyth", "<pre><code ></code></pre>"],
  ["```python\nx = 1\n``", "<pre><code python>x = 1 </code></pre>"],
  ["- one\n-", "<ul><li>one</li></ul>"],
  ["- one\n- [", "<ul><li>one</li><li></li></ul>"],
  ["- [x] do", "<ul><li><box true> do</li></ul>"],
  ["Text\n\n[ref]: https://exam", "<p>Text</p>"],
  ["cost $5 and $x^", "<p>cost $5 and $x^</p>"],
];

test.each(cases)("%j", (markdown, drawn) => {
  const root = document.createElement("div");
  createMarkdown(root).append(markdown);
  for (const hidden of root.querySelectorAll("[hidden]")) hidden.remove();
  expect(meaning(root).replace(/\s+/g, " ")).toBe(drawn);
});
