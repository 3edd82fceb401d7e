import { getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { BigValue, VizRepeater } from '@grafana/ui';

import { theme } from '../request';
import type { PanelProps } from './props';

export function StatPanel({ panel, frames, width, height, interpolated }: PanelProps) {
  const options = panel.options ?? {};
  const values = () =>
    getFieldDisplayValues({
      fieldConfig: panel.fieldConfig!,
      reduceOptions: options.reduceOptions ?? { calcs: ['lastNotNull'], values: false },
      replaceVariables: interpolated,
      theme,
      data: frames,
      sparkline: (options.graphMode ?? 'area') !== 'none',
      percentChange: options.showPercentChange,
    } as Parameters<typeof getFieldDisplayValues>[0]);
  return (
    <VizRepeater
      getValues={values}
      source={frames}
      renderCounter={0}
      width={width}
      height={height}
      orientation={options.orientation ?? VizOrientation.Auto}
      autoGrid={true}
      renderValue={({ value, width, height, count }) => (
        <BigValue
          theme={theme}
          value={value.display}
          count={count}
          sparkline={value.sparkline}
          width={width}
          height={height}
          colorMode={options.colorMode ?? 'value'}
          graphMode={options.graphMode ?? 'area'}
          justifyMode={options.justifyMode ?? 'auto'}
          textMode={options.textMode ?? 'auto'}
          text={options.text}
          percentChangeColorMode={options.percentChangeColorMode}
        />
      )}
    />
  );
}
