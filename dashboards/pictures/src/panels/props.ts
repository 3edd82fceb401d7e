import type { DataFrame, TimeRange } from '@grafana/data';

import type { Panel } from '../board';

export interface PanelProps {
  panel: Panel;
  frames: DataFrame[];
  width: number;
  height: number;
  timeRange: TimeRange;
  /** Moments that annotations mark, Unix milliseconds. */
  marks: { time: number; color: string; title: string }[];
  interpolated: (text: string) => string;
}
