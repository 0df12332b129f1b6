import { expect, test } from "vitest";
import { curve } from "../../src/chart/curve";
import { Samples } from "../../src/run/samples";

function samplesOf(width: number, counts: number[]): Samples {
  const samples = new Samples();
  samples.apply([width, 0, ...counts]);
  return samples;
}

test("a steady stream has a steady rate and an exact total", () => {
  const { times, rate, total } = curve(samplesOf(50, [0, 0, ...Array(40).fill(5)]), 2.1);
  expect(times[0]).toBeCloseTo(0.15);
  expect(rate[0]).toBeNull();
  for (const value of rate.slice(1)) expect(value).toBeCloseTo(100);
  expect(total.at(-1)).toBe(200);
});

test("the last bin counts for as long as it lasted", () => {
  const { times, rate } = curve(samplesOf(100, [...Array(20).fill(10), 5]), 2.05);
  expect(times.at(-1)).toBeCloseTo(2.05);
  expect(rate.at(-1)).toBeCloseTo(100);
});

test("time that goes on without tokens pulls the rate to nothing", () => {
  const { times, rate, total } = curve(samplesOf(50, Array(20).fill(5)), 3);
  expect(times.at(-1)).toBeCloseTo(3);
  expect(rate.at(-1)).toBe(0);
  expect(total.at(-1)).toBe(100);
});

test("deltas stand for as many tokens as the provider counted", () => {
  const { rate, total } = curve(samplesOf(50, Array(20).fill(1)), 1, 4);
  expect(rate.at(-1)).toBeCloseTo(80);
  expect(total.at(-1)).toBe(80);
});

test("nothing yet is no curve", () => {
  expect(curve(new Samples(), 10)).toEqual({ times: [], rate: [], total: [] });
  expect(curve(samplesOf(50, [0, 0]), 10).times).toEqual([]);
});

test("samples said twice, in pieces, or anew at another width", () => {
  const samples = new Samples();
  samples.apply([50, 0, 3, 1]);
  samples.apply([50, 1, 4, 2]);
  samples.apply([50, 5, 9]);
  expect(samples.counts).toEqual([3, 4, 2, 0, 0, 9]);
  samples.apply([100, 0, 7, 2, 9]);
  expect(samples.counts).toEqual([7, 2, 9]);
});
