/** What is to be drawn, by the page's address; draw.mjs makes it. */
import { createTheme, dateTime, rangeUtil, type TimeRange } from '@grafana/data';

const asked = new URLSearchParams(location.search);

export const board = asked.get('board') ?? '';
export const width = Number(asked.get('width') ?? 1600);
export const theme = createTheme({ colors: { mode: asked.get('theme') === 'light' ? 'light' : 'dark' } });
/** The data source's "scrape interval", seconds: what $__interval and $__rate_interval rest on. */
export const scrapeSeconds = Number(asked.get('scrape') ?? 15);

/** Variables that the address sets, as Grafana's own addresses do: var-NAME=VALUE, repeated. */
export function chosen(name: string): string[] {
  return asked.getAll(`var-${name}`);
}

/** A board's own range, or the address's from= and to=. */
export function timeRange(own: { from: string; to: string }): TimeRange {
  const raw = { from: asked.get('from') ?? own.from, to: asked.get('to') ?? own.to };
  const range = rangeUtil.convertRawToRange(raw, 'utc');
  return { from: dateTime(range.from), to: dateTime(range.to), raw };
}
