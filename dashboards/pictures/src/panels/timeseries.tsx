import { TimeSeries, type UPlotConfigBuilder } from '@grafana/ui';
import { useLayoutEffect } from 'react';

import { theme } from '../request';
import { legendOf } from './legend';
import type { PanelProps } from './props';

export function TimeSeriesPanel({ panel, frames, width, height, timeRange, marks }: PanelProps) {
  return (
    <TimeSeries
      frames={frames}
      structureRev={1}
      timeRange={timeRange}
      timeZone="utc"
      width={width}
      height={height}
      legend={legendOf(panel)}
      options={panel.options}
    >
      {(config) => <Marks config={config} marks={marks} />}
    </TimeSeries>
  );
}

/** Annotations, as Grafana draws them: a dashed line, and a triangle at its foot. */
function Marks({ config, marks }: { config: UPlotConfigBuilder; marks: PanelProps['marks'] }) {
  useLayoutEffect(() => {
    config.addHook('draw', (plot) => {
      const { ctx, bbox } = plot;
      const ratio = devicePixelRatio;
      ctx.save();
      for (const { time, color } of marks) {
        const x = plot.valToPos(time, 'x', true);
        if (x < bbox.left || x > bbox.left + bbox.width) {
          continue;
        }
        ctx.strokeStyle = ctx.fillStyle = theme.visualization.getColorByName(color);
        ctx.lineWidth = ratio;
        ctx.setLineDash([5 * ratio, 5 * ratio]);
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
        const foot = bbox.top + bbox.height;
        ctx.beginPath();
        ctx.moveTo(x, foot);
        ctx.lineTo(x - 4 * ratio, foot + 5 * ratio);
        ctx.lineTo(x + 4 * ratio, foot + 5 * ratio);
        ctx.fill();
      }
      ctx.restore();
    });
  }, [config, marks]);
  return null;
}
