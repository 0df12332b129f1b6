// The module `chart`: what draws charts.
export { ChartPanel } from "./panel";
export { joined, Plot } from "./plot";
