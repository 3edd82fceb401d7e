import { FieldMatcherID, fieldMatchers, outerJoinDataFrames, type DataFrame, type Field } from '@grafana/data';
import { ScaleDistribution } from '@grafana/schema';
import { TimeSeries, type UPlotConfigBuilder } from '@grafana/ui';

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
      {(config) => {
        scaleX(config, x);
        return null;
      }}
    </TimeSeries>
  );
}

/** A logarithmic x, which Grafana has since 12 by an override of x; npm's time series is of before. */
function scaleX(config: UPlotConfigBuilder, x: Field): void {
  const wanted = x.config.custom?.scaleDistribution;
  const scale = config['scales'].find(({ props }) => props.scaleKey === 'x');
  if (scale && wanted?.type === ScaleDistribution.Log) {
    Object.assign(scale.props, { distribution: ScaleDistribution.Log, log: wanted.log ?? 10 });
  }
}
