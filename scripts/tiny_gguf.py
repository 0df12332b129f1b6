"""Makes a llama model of random weights, about half a megabyte, for trying a real llama.cpp server.

    pip install gguf "llama-cpp-python[server]"          (compiles llama.cpp: some 20 minutes on two cores)
    python scripts/tiny_gguf.py tiny.gguf
    python -m llama_cpp.server --model tiny.gguf --port 8080

    %%stream tiny --api-base http://127.0.0.1:8080/v1 --max-tokens 200
    anything

It writes nonsense, at full speed, in real tokens: words, single bytes, halves of characters.
"""

from __future__ import annotations

import sys

import gguf  # pyright: ignore[reportMissingImports]
import numpy as np

WIDTH, LAYERS, HEADS, FEED, CONTEXT = 64, 2, 4, 128, 2048
WORDS = (
    "the a of and to in is that it for as with on be by this are or an from at not have which one "
    "model token stream notebook cell answer code table list text time first last word line page"
).split()


def vocabulary() -> tuple[list[bytes], list[float], list[int]]:
    """Control tokens, every byte, punctuation and some words."""
    kinds = gguf.TokenType
    tokens = [(b"<unk>", kinds.UNKNOWN), (b"<s>", kinds.CONTROL), (b"</s>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>".encode(), kinds.BYTE) for byte in range(256)]
    pieces = ["▁", ".", ",", "!", "?", "\n", "é", "ü", "漢", "👋", *WORDS]
    pieces += [f"▁{word}" for word in WORDS] + [chr(c) for c in range(97, 123)]
    tokens += [(piece.encode(), kinds.NORMAL) for piece in dict.fromkeys(pieces)]
    names, types = zip(*tokens, strict=True)
    return list(names), [-float(n) for n in range(len(names))], [int(kind) for kind in types]


def main(path: str) -> None:
    rng = np.random.default_rng(7)
    names, scores, types = vocabulary()

    def weights(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(names))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(names)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_tensor("token_embd.weight", weights(len(names), WIDTH))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    writer.add_tensor("output.weight", weights(len(names), WIDTH))
    for n in range(LAYERS):
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{n}.{part}.weight", weights(WIDTH, WIDTH))
        for part in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{n}.{part}.weight", np.ones(WIDTH, np.float32))
        writer.add_tensor(f"blk.{n}.ffn_gate.weight", weights(FEED, WIDTH))
        writer.add_tensor(f"blk.{n}.ffn_up.weight", weights(FEED, WIDTH))
        writer.add_tensor(f"blk.{n}.ffn_down.weight", weights(WIDTH, FEED))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "tiny.gguf")
