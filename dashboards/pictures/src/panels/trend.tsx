import { FieldMatcherID, fieldMatchers, outerJoinDataFrames, type DataFrame } from '@grafana/data';
import { TimeSeries } from '@grafana/ui';

import { fault } from '../faults';
import { titleOf } from '../fields';
import { legendOf } from './legend';
import type { PanelProps } from './props';

/** Grafana's own: its time series with another field than time as x. */
export function TrendPanel({ panel, frames, width, height, timeRange }: PanelProps) {
  const wanted: string | undefined = panel.options?.xField;
  const x = frames[0]?.fields.find((field) =>
    wanted ? field.name === wanted || field.state?.displayName === wanted : field.type === 'number'
  );
  if (!x) {
    fault('unknown', titleOf(panel), `there is no field ${wanted} for the x axis`);
    return null;
  }
  const aligned = (shown: DataFrame[]) => {
    const joined = outerJoinDataFrames({
      frames: shown,
      joinBy: fieldMatchers.get(FieldMatcherID.byName).get(x.name),
      keepOriginIndices: true,
    });
    return joined ?? null;
  };
  return (
    <TimeSeries
      frames={[{ ...frames[0], fields: [x, ...frames[0].fields.filter((field) => field !== x)] }]}
      structureRev={1}
      timeRange={timeRange}
      timeZone="utc"
      width={width}
      height={height}
      legend={legendOf(panel)}
      options={panel.options}
      preparePlotFrame={aligned}
    >
      {() => null}
    </TimeSeries>
  );
}
