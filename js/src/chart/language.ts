// uPlot asks for the page's language as it is loaded, and throws where that is none: `C`, `de_DE`, nothing.
// Then it gets one, until all that is loaded with it is there.
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  const own = Object.getOwnPropertyDescriptor(navigator, "language");
  Object.defineProperty(navigator, "language", { value: "en-US", configurable: true });
  queueMicrotask(() => {
    if (own) Object.defineProperty(navigator, "language", own);
    else Reflect.deleteProperty(navigator, "language");
  });
}
