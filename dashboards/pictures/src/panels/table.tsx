import { TableNG } from '@grafana/ui/unstable';

import type { PanelProps } from './props';

export function TablePanel({ panel, frames, width, height, timeRange, interpolated }: PanelProps) {
  const options = panel.options ?? {};
  return (
    <TableNG
      data={frames[options.frameIndex ?? 0] ?? frames[0]}
      width={width}
      height={height}
      noHeader={options.showHeader === false}
      showTypeIcons={options.showTypeIcons}
      cellHeight={options.cellHeight ?? 'sm'}
      frozenColumns={options.frozenColumns?.left}
      enablePagination={options.enablePagination}
      sortBy={options.sortBy}
      fieldConfig={panel.fieldConfig}
      noValue={panel.fieldConfig?.defaults.noValue}
      // All columns are laid out, so that one outside the panel is seen.
      enableVirtualization={false}
      getActions={() => []}
      structureRev={1}
      timeRange={timeRange}
      {...{ replaceVariables: interpolated }}
    />
  );
}
