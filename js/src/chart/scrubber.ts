import { h, setText } from "../dom/element";

const SPEEDS = [1, 2, 8];

/** A slider over a run's time, and what plays it. `onTime` gets seconds, or null at the end. */
export class Scrubber {
  readonly node = h("div", { "data-part": "scrub" });
  #play = h("button", { type: "button", class: "nbs-play", "data-action": "replay" });
  #slider = h("input", { type: "range", min: "0", "aria-label": "Time in the run" });
  #time = h("output", { class: "nbs-scrub-time" });
  #speed = h("button", { type: "button", class: "nbs-speed", "data-action": "speed" });
  #rate = 1;
  #frame = 0;
  #then = 0;
  #now: number;

  constructor(
    private readonly end: number,
    private readonly onTime: (seconds: number | null) => void,
  ) {
    this.#now = end;
    this.#slider.max = String(end);
    this.#slider.step = "0.01";
    this.#slider.value = String(end);
    this.#slider.addEventListener("input", () => {
      this.#pause();
      this.#move(Number(this.#slider.value));
    });
    this.#play.addEventListener("click", () => (this.#frame ? this.#pause() : this.#start()));
    this.#speed.addEventListener("click", () => {
      this.#rate = SPEEDS[(SPEEDS.indexOf(this.#rate) + 1) % SPEEDS.length] as number;
      this.#label();
    });
    this.node.append(this.#play, this.#slider, this.#time, this.#speed);
    this.#label();
  }

  dispose(): void {
    this.#pause();
    this.node.remove();
    this.onTime(null);
  }

  #start(): void {
    if (this.#now >= this.end) this.#now = 0;
    this.#then = performance.now();
    const step = (now: number) => {
      const time = this.#now + (Math.max(now - this.#then, 0) / 1000) * this.#rate;
      this.#then = now;
      this.#frame = time < this.end ? requestAnimationFrame(step) : 0;
      this.#slider.value = String(time);
      this.#move(time);
    };
    this.#frame = requestAnimationFrame(step);
    this.#label();
  }

  #pause(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#label();
  }

  #move(time: number): void {
    this.#now = Math.min(time, this.end);
    this.onTime(this.#now < this.end ? this.#now : null);
    this.#label();
  }

  #label(): void {
    setText(this.#play, this.#frame ? "❚❚" : "▶");
    this.#play.setAttribute("aria-label", this.#frame ? "Pause" : "Play the run again");
    setText(this.#speed, `${this.#rate}×`);
    this.#speed.setAttribute("aria-label", `Speed ${this.#rate} times`);
    const text = `${this.#now.toFixed(1)} of ${this.end.toFixed(1)} s`;
    setText(this.#time, text);
    this.#slider.setAttribute("aria-valuetext", text);
  }
}
