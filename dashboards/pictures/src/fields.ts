/** Transformations and field overrides by Grafana's own code, with each panel type's defaults. */
import {
  applyFieldOverrides,
  cacheFieldDisplayNames,
  FieldConfigOptionsRegistry,
  FieldColorModeId,
  ThresholdsMode,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
  type DataFrame,
  type FieldConfigSource,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

import type { Panel } from './board';
import { fault } from './faults';
import { theme } from './request';

const STANDARD = [
  'unit', 'min', 'max', 'decimals', 'displayName', 'color', 'noValue', 'links', 'mappings', 'thresholds',
  'filterable', 'description', 'actions', 'fieldMinMax',
];

// What Grafana's panels start with; npm does not hold the panels themselves.
const GRAPH = {
  drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradientMode: 'none',
  barAlignment: 0, showPoints: 'auto', pointSize: 5, spanNulls: false, insertNulls: false,
  stacking: { mode: 'none', group: 'A' }, axisPlacement: 'auto', axisLabel: '', axisColorMode: 'text',
  axisBorderShow: false, axisCenteredZero: false, scaleDistribution: { type: 'linear' },
  hideFrom: { tooltip: false, viz: false, legend: false }, thresholdsStyle: { mode: 'off' },
};
const CUSTOM: Record<string, object> = {
  timeseries: GRAPH,
  trend: GRAPH,
  barchart: { ...GRAPH, fillOpacity: 80 },
  'state-timeline': { lineWidth: 0, fillOpacity: 70 },
  table: { cellOptions: { type: 'auto' }, align: 'auto', inspect: false },
};
const BY_SERIES = new Set(['timeseries', 'trend', 'barchart']);

const transformers = [...new Map(Object.values(standardTransformers).map((one) => [one.id, one])).values()];
standardTransformersRegistry.setInit(() =>
  transformers.map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation: () => Promise.resolve(transformation),
    editor: () => null,
    imageDark: '',
    imageLight: '',
  }))
);

/** The frames that a panel draws. */
export async function prepared(
  panel: Panel,
  frames: DataFrame[],
  interpolated: (text: string) => string
): Promise<DataFrame[]> {
  const found = overridden(panel, await transformed(panel, frames, interpolated), interpolated);
  cacheFieldDisplayNames(found);
  return found;
}

async function transformed(
  panel: Panel,
  frames: DataFrame[],
  interpolated: (text: string) => string
): Promise<DataFrame[]> {
  const wanted = panel.transformations ?? [];
  for (const { id } of wanted) {
    if (!transformers.some((known) => known.id === id)) {
      // Grafana passes over what it does not know, in silence.
      fault('unknown', titleOf(panel), `the transformation ${id}`);
    }
  }
  try {
    return await lastValueFrom(transformDataFrame(wanted, frames, { interpolate: interpolated }));
  } catch (error) {
    fault('failed', titleOf(panel), `a transformation: ${(error as Error).message}`);
    return [];
  }
}

function overridden(panel: Panel, frames: DataFrame[], interpolated: (text: string) => string): DataFrame[] {
  panel.fieldConfig = withDefaults(panel);
  return applyFieldOverrides({
    data: frames,
    fieldConfig: panel.fieldConfig,
    replaceVariables: (text) => interpolated(text),
    theme,
    timeZone: 'utc',
    fieldConfigRegistry: registry(panel, panel.fieldConfig),
  });
}

function withDefaults(panel: Panel): FieldConfigSource {
  const stated: FieldConfigSource = structuredClone(panel.fieldConfig ?? { defaults: {}, overrides: [] });
  const defaults = stated.defaults;
  defaults.custom = { ...CUSTOM[panel.type], ...defaults.custom };
  const mode = BY_SERIES.has(panel.type) ? FieldColorModeId.PaletteClassic : FieldColorModeId.Thresholds;
  defaults.color ??= { mode };
  const base = panel.type === 'table' ? 'text' : 'green';
  defaults.thresholds ??= { mode: ThresholdsMode.Absolute, steps: [{ value: -Infinity, color: base }] };
  const steps = [
    defaults.thresholds.steps,
    ...stated.overrides.flatMap(({ properties }) =>
      properties.filter(({ id }) => id === 'thresholds').map(({ value }) => value.steps)
    ),
  ];
  for (const step of steps.flat()) {
    // JSON has no infinity: the lowest step has no value.
    step.value ??= -Infinity;
  }
  return stated;
}

/** Grafana's registry with every property that this panel states: each is taken as it is. */
function registry(panel: Panel, config: FieldConfigSource): FieldConfigOptionsRegistry {
  const own = Object.keys(config.defaults.custom ?? {});
  const properties = config.overrides.flatMap((override) => override.properties.map(({ id }) => id));
  for (const id of [...Object.keys(config.defaults).filter((key) => key !== 'custom'), ...properties]) {
    if (!id.startsWith('custom.') && !STANDARD.includes(id)) {
      fault('unknown', titleOf(panel), `the field option ${id}`);
    }
  }
  const custom = properties.filter((id) => id.startsWith('custom.')).map((id) => id.slice('custom.'.length));
  const item = (id: string, path: string, isCustom: boolean) => ({
    id,
    path,
    name: id,
    isCustom,
    process: (value: unknown) => value,
    shouldApply: () => true,
    override: () => null,
    editor: () => null,
    getItemsCount: () => 0,
  });
  const items = [
    ...STANDARD.map((id) => item(id, id, false)),
    ...[...new Set([...own, ...custom])].map((path) => item(`custom.${path}`, path, true)),
  ];
  return new FieldConfigOptionsRegistry(() => items as never);
}

export function titleOf(panel: Panel): string {
  return panel.title || `the ${panel.type} panel ${panel.id}`;
}
