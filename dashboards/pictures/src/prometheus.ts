/** Asks Prometheus, and gives frames as Grafana's own data source does. */
import { FieldType, type DataFrame, type Field, type Labels, type TimeRange } from '@grafana/data';

import type { Target } from './board';
import { fault } from './faults';

interface Series {
  metric: Labels;
  value?: [number, string];
  values?: [number, string][];
}

async function ask(path: string, parameters: Record<string, string> | [string, string][]): Promise<any> {
  const body = new URLSearchParams(parameters);
  const answer = await fetch(`/prometheus/api/v1/${path}`, { method: 'POST', body });
  const found = await answer.json();
  if (found.status !== 'success') {
    throw new Error(found.error ?? answer.statusText);
  }
  return found.data;
}

/** What `label_values(selector, label)` offers. */
export async function labelValues(label: string, selector: string, range: TimeRange): Promise<string[]> {
  const query = new URLSearchParams({
    start: String(range.from.valueOf() / 1000),
    end: String(range.to.valueOf() / 1000),
  });
  if (selector) {
    query.append('match[]', selector);
  }
  const answer = await fetch(`/prometheus/api/v1/label/${label}/values?${query}`);
  const found = await answer.json();
  if (found.status !== 'success') {
    throw new Error(found.error ?? answer.statusText);
  }
  return found.data;
}

/** Series of an instant query at the range's end. */
export async function instant(expr: string, range: TimeRange): Promise<Series[]> {
  const found = await ask('query', { query: expr, time: String(range.to.valueOf() / 1000) });
  if (found.resultType === 'scalar') {
    return [{ metric: {}, value: found.result }];
  }
  return found.result;
}

/** Frames of a panel's queries; one that fails is a fault, and leaves the others. */
export async function framesOf(
  panel: string,
  targets: Target[],
  range: TimeRange,
  stepSeconds: number,
  interpolated: (text: string) => string
): Promise<DataFrame[]> {
  const tables = targets.filter((target) => target.format === 'table').length;
  const frames: DataFrame[] = [];
  for (const target of targets) {
    const expr = interpolated(target.expr);
    try {
      if (target.instant) {
        const series = await instant(expr, range);
        if (target.format === 'table') {
          frames.push(asTable(series, target.refId, tables > 1));
        } else {
          frames.push(...series.map((one) => asSeries(one, target)));
        }
      } else {
        const series = await overTime(expr, range, stepSeconds);
        frames.push(...series.map((one) => asSeries(one, target, stepSeconds * 1000)));
      }
    } catch (error) {
      fault('failed', panel, `query ${target.refId}: ${(error as Error).message}: ${expr}`);
    }
  }
  return frames;
}

async function overTime(expr: string, range: TimeRange, step: number): Promise<Series[]> {
  // Grafana aligns with multiples of the step. Steps are long here, and the newest point is now.
  const end = range.to.valueOf() / 1000;
  const steps = Math.floor((end - range.from.valueOf() / 1000) / step);
  const found = await ask('query_range', {
    query: expr,
    start: String(end - steps * step),
    end: String(end),
    step: String(step),
  });
  return found.result;
}

function asTable(series: Series[], refId: string, several: boolean): DataFrame {
  const labels = [...new Set(series.flatMap((one) => Object.keys(one.metric)))].sort();
  const fields: Field[] = [
    field('Time', FieldType.time, series.map((one) => one.value![0] * 1000)),
    ...labels.map((label) => field(label, FieldType.string, series.map((one) => one.metric[label] ?? ''))),
    field(several ? `Value #${refId}` : 'Value', FieldType.number, series.map((one) => Number(one.value![1]))),
  ];
  return { refId, fields: series.length ? fields : [], length: series.length };
}

function asSeries(series: Series, target: Target, interval?: number): DataFrame {
  const points = series.values ?? [series.value!];
  const time = field('Time', FieldType.time, points.map(([at]) => at * 1000));
  time.config.interval = interval;
  const value = field('Value', FieldType.number, points.map(([, text]) => Number(text)));
  value.labels = series.metric;
  const name = legend(target, series.metric);
  if (name) {
    value.config.displayNameFromDS = name;
  }
  return { refId: target.refId, name, fields: [time, value], length: points.length };
}

function legend(target: Target, labels: Labels): string {
  if (target.legendFormat && target.legendFormat !== '__auto') {
    return target.legendFormat.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
  }
  const { __name__: name = '', ...others } = labels;
  const told = Object.entries(others).map(([label, value]) => `${label}="${value}"`);
  return told.length ? `${name}{${told.join(', ')}}` : name || target.expr;
}

function field(name: string, type: FieldType, values: unknown[]): Field {
  return { name, type, config: {}, values };
}
