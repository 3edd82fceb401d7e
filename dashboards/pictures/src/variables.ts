/** The variables of a board: what there is to choose, what is chosen, and how queries get it. */
import type { TimeRange } from '@grafana/data';

import type { Board, Variable } from './board';
import { fault } from './faults';
import { instant, labelValues } from './prometheus';
import { chosen, scrapeSeconds } from './request';

const ALL = '$__all';
// Grafana's own for a panel that states none.
const DATA_POINTS = 1000;

interface Selected {
  variable: Variable;
  offered: string[];
  values: string[];
}

export class Variables {
  readonly selected = new Map<string, Selected>();

  constructor(private readonly range: TimeRange) {}

  /** In the board's order, for one may be asked for by another. */
  static async of(board: Board, range: TimeRange): Promise<Variables> {
    const found = new Variables(range);
    for (const variable of board.templating.list ?? []) {
      const offered = await found.offered(variable);
      found.selected.set(variable.name, { variable, offered, values: selection(variable, offered) });
    }
    return found;
  }

  /** The step of a panel's queries, seconds. */
  step(dataPoints = DATA_POINTS): number {
    const seconds = (this.range.to.valueOf() - this.range.from.valueOf()) / 1000;
    return Math.max(scrapeSeconds, Math.ceil(seconds / dataPoints));
  }

  /** Each value for which something that repeats by the variable is drawn. */
  repeats(name: string): string[] {
    const one = this.selected.get(name);
    return !one ? [] : one.values[0] === ALL ? one.offered : one.values;
  }

  /** What the variable bar shows. */
  words(name: string): string {
    const values = this.selected.get(name)?.values ?? [];
    const titles = new Map((this.selected.get(name)?.variable.options ?? []).map(({ text, value }) => [value, text]));
    return values[0] === ALL ? 'All' : values.map((value) => titles.get(value) ?? value).join(' + ') || 'None';
  }

  /** A query or a title with every variable in its place. */
  interpolated(text: string, scoped: Record<string, string>, step: number, forQuery = true): string {
    return text.replace(/\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)\]\]/g, (whole, a, b, format, c) => {
      const name: string = a ?? b ?? c;
      const builtIn = this.builtIn(name, step);
      if (builtIn !== undefined) {
        return builtIn;
      }
      if (scoped[name] !== undefined) {
        return forQuery ? escaped(scoped[name]) : scoped[name];
      }
      const one = this.selected.get(name);
      if (!one) {
        return whole;
      }
      return forQuery && !format ? pattern(one) : this.words(name);
    });
  }

  private builtIn(name: string, step: number): string | undefined {
    const { from, to } = this.range;
    const seconds = Math.round((to.valueOf() - from.valueOf()) / 1000);
    const known: Record<string, string> = {
      __interval: `${step}s`,
      __interval_ms: String(step * 1000),
      __rate_interval: `${Math.max(step + scrapeSeconds, 4 * scrapeSeconds)}s`,
      __range: `${seconds}s`,
      __range_s: String(seconds),
      __from: String(from.valueOf()),
      __to: String(to.valueOf()),
    };
    return known[name];
  }

  private async offered(variable: Variable): Promise<string[]> {
    try {
      switch (variable.type) {
        case 'query':
          return sorted(variable, await this.asked(variable));
        case 'custom':
          return (variable.options ?? []).map((option) => option.value).filter((value) => value !== ALL);
        case 'datasource':
          return ['Prometheus'];
        case 'constant':
        case 'textbox':
          return [query(variable)];
        case 'interval':
          return query(variable).split(',');
      }
      fault('unknown', `variable ${variable.name}`, `a variable of type ${variable.type}`);
    } catch (error) {
      fault('failed', `variable ${variable.name}`, (error as Error).message);
    }
    return [];
  }

  private async asked(variable: Variable): Promise<string[]> {
    const text = this.interpolated(query(variable), {}, this.step());
    const labels = /^label_values\((?:(.*),)?\s*(\w+)\s*\)$/s.exec(text);
    if (labels) {
      return labelValues(labels[2], labels[1]?.trim() ?? '', this.range);
    }
    const result = /^query_result\((.*)\)$/s.exec(text);
    if (!result) {
      throw new Error(`not label_values(...) or query_result(...): ${text}`);
    }
    const series = await instant(result[1], this.range);
    const lines = series.map(({ metric: { __name__: name = '', ...labels }, value }) => {
      const told = Object.entries(labels).map(([label, each]) => `${label}="${each}"`);
      return `${name}{${told.join(',')}} ${value![1]}`;
    });
    const wanted = new RegExp((variable.regex ?? '').replace(/^\/(.*)\/$/s, '$1'));
    return [...new Set(lines.map((line) => wanted.exec(line)?.[1] ?? line))];
  }
}

function query(variable: Variable): string {
  const stated = variable.query ?? '';
  return typeof stated === 'string' ? stated : stated.query;
}

function sorted(variable: Variable, values: string[]): string[] {
  if (!variable.sort) {
    return values;
  }
  const order = [...new Set(values)].sort();
  // 2 and 4 are descending.
  return variable.sort === 2 || variable.sort === 4 ? order.reverse() : order;
}

/** By the address, else what the board was stored with if it is there, else the first one. */
function selection(variable: Variable, offered: string[]): string[] {
  const asked = chosen(variable.name);
  if (asked.length) {
    return asked;
  }
  const stored = [variable.current?.value ?? []].flat();
  if (stored[0] === ALL && variable.includeAll) {
    return [ALL];
  }
  const there = stored.filter((value) => offered.includes(value));
  if (there.length) {
    return there;
  }
  return variable.includeAll ? [ALL] : offered.slice(0, 1);
}

function pattern({ variable, values, offered }: Selected): string {
  if (values[0] === ALL) {
    return variable.allValue || alternatives(offered);
  }
  return variable.multi || variable.includeAll ? alternatives(values) : (values[0] ?? '');
}

function alternatives(values: string[]): string {
  return values.length === 1 ? escaped(values[0]) : `(${values.map(escaped).join('|')})`;
}

/** As Grafana's Prometheus data source escapes a choice for =~ within quotes. */
function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&');
}
