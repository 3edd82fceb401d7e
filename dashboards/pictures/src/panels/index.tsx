/** Every type of panel that can be drawn; what is not here is a fault, never an empty box. */
import type { ComponentType } from 'react';

import { BarChart } from './barchart';
import { BarGaugePanel } from './bargauge';
import type { PanelProps } from './props';
import { StatPanel } from './stat';
import { StateTimeline } from './statetimeline';
import { TablePanel } from './table';
import { TextPanel } from './text';
import { TimeSeriesPanel } from './timeseries';
import { TrendPanel } from './trend';

export const PANELS: Record<string, ComponentType<PanelProps>> = {
  barchart: BarChart,
  bargauge: BarGaugePanel,
  stat: StatPanel,
  'state-timeline': StateTimeline,
  table: TablePanel,
  text: TextPanel,
  timeseries: TimeSeriesPanel,
  trend: TrendPanel,
};

/** Drawn by code of ours that only looks like Grafana's, which npm does not hold. */
export const LOOK_ALIKES: Record<string, string> = {
  barchart: 'bar chart',
  'state-timeline': 'state timeline',
};
