export type ToKernel =
  | { kind: "bundle" }
  | { kind: "hello"; have: number }
  | { kind: "stop" }
  | { kind: "history" }
  | { kind: "attend" }
  | ({ kind: "approve"; decision: "approved" | "denied" } & Question);

/** Which call a decision is for: by the kernel's id of the question, where it gave one. */
export interface Question {
  call_id: string;
  approval_id?: string;
}
