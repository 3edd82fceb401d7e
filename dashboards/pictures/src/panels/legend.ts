import { LegendDisplayMode, type VizLegendOptions } from '@grafana/schema';

import type { Panel } from '../board';

export function legendOf(panel: Panel): VizLegendOptions {
  const stated = panel.options?.legend ?? {};
  const legend = {
    displayMode: LegendDisplayMode.List,
    placement: 'bottom',
    showLegend: true,
    calcs: [],
    ...stated,
  };
  return { ...legend, showLegend: legend.showLegend && legend.displayMode !== LegendDisplayMode.Hidden };
}
