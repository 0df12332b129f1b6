export type ToKernel =
  | { kind: "bundle" }
  | { kind: "hello"; have: number }
  | { kind: "stop" }
  | { kind: "history" }
  | { kind: "attend" }
  | { kind: "approve"; call_id: string; decision: "approved" | "denied" };
