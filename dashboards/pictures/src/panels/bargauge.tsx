import { getDisplayValueAlignmentFactors, getFieldDisplayValues, VizOrientation } from '@grafana/data';
import { BarGauge, VizRepeater } from '@grafana/ui';

import { theme } from '../request';
import type { PanelProps } from './props';

export function BarGaugePanel({ panel, frames, width, height, interpolated }: PanelProps) {
  const options = panel.options ?? {};
  const values = () =>
    getFieldDisplayValues({
      fieldConfig: panel.fieldConfig!,
      reduceOptions: options.reduceOptions ?? { calcs: ['lastNotNull'], values: false },
      replaceVariables: interpolated,
      theme,
      data: frames,
    });
  const orientation = options.orientation ?? VizOrientation.Auto;
  return (
    <VizRepeater
      getValues={values}
      getAlignmentFactors={(shown) => getDisplayValueAlignmentFactors(shown)}
      source={frames}
      renderCounter={0}
      width={width}
      height={height}
      orientation={orientation}
      minVizWidth={options.minVizWidth ?? 8}
      minVizHeight={options.minVizHeight ?? 16}
      maxVizHeight={options.maxVizHeight ?? 300}
      itemSpacing={options.displayMode === 'lcd' ? 2 : 10}
      renderValue={({ value, width, height, orientation, alignmentFactors }) => (
        <BarGauge
          theme={theme}
          value={value.display}
          field={value.field}
          display={value.view?.getFieldDisplayProcessor(value.colIndex!)}
          text={options.text}
          width={width}
          height={height}
          orientation={orientation}
          alignmentFactors={alignmentFactors}
          displayMode={options.displayMode ?? 'gradient'}
          showUnfilled={options.showUnfilled ?? true}
          valueDisplayMode={options.valueMode ?? 'color'}
          namePlacement={options.namePlacement ?? 'auto'}
        />
      )}
    />
  );
}
