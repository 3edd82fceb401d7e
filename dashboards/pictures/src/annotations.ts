/** The moments that a board's annotations mark. */
import type { TimeRange } from '@grafana/data';

import type { Board } from './board';
import { fault } from './faults';
import { framesOf } from './prometheus';
import type { Variables } from './variables';

export interface Mark {
  time: number;
  color: string;
  title: string;
}

export async function marksOf(board: Board, variables: Variables, range: TimeRange): Promise<Mark[]> {
  const step = variables.step();
  const found: Mark[] = [];
  for (const annotation of board.annotations.list ?? []) {
    const expr = annotation.expr ?? annotation.target?.expr;
    if (annotation.builtIn || !annotation.enable) {
      continue;
    }
    if (!expr) {
      fault('unknown', `annotation ${annotation.name}`, 'it has no query');
      continue;
    }
    const frames = await framesOf(`annotation ${annotation.name}`, [{ refId: 'Anno', expr }], range, step, (text) =>
      variables.interpolated(text, {}, step)
    );
    for (const frame of frames) {
      const [times, values] = frame.fields;
      const moments: number[] = annotation.useValueForTime ? values.values : times.values;
      for (const time of new Set(moments)) {
        found.push({ time, color: annotation.iconColor ?? 'blue', title: annotation.name });
      }
    }
  }
  return found;
}
