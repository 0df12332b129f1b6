// Figures as people read them.

export function seconds(value: number): string {
  if (value < 1) return `${value.toFixed(2)} s`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.round(value)} s`;
  const whole = Math.round(value);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Whole seconds, for what ticks. */
export function ticking(value: number): string {
  const whole = Math.max(0, Math.floor(value));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

export function rate(value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toString();
}

/** A JSON value as text: on one line where it is short. */
export function json(value: unknown): string {
  if (typeof value === "string") return value;
  const short = JSON.stringify(value) ?? "";
  if (short.length <= 72) return short;
  return JSON.stringify(value, null, 2);
}

export function plural(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}
