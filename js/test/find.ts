/** Elements by their DOM hooks. */
export const part = (root: Element, name: string) =>
  root.querySelector<HTMLElement>(`[data-part="${name}"]`);
export const parts = (root: Element, name: string) => [
  ...root.querySelectorAll(`[data-part="${name}"]`),
];
export const action = (root: Element, name: string) =>
  root.querySelector<HTMLButtonElement>(`button[data-action="${name}"]`);
export const shown = (element: Element | null) => element?.checkVisibility() === true;
