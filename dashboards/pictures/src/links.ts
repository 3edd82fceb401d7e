/** Where a panel's cells and title lead: every variable in an address has to be there. */
import type { DataLink } from '@grafana/data';

import type { Panel } from './board';
import { fault } from './faults';
import { titleOf } from './fields';

export function checkLinks(panel: Panel, interpolated: (text: string) => string): void {
  const { defaults, overrides } = panel.fieldConfig ?? { defaults: {}, overrides: [] };
  const properties = overrides.flatMap((override) => override.properties);
  const links: DataLink[] = [
    ...(panel.links ?? []),
    ...(defaults.links ?? []),
    ...properties.filter(({ id }) => id === 'links').flatMap(({ value }) => value),
  ];
  for (const { url } of links) {
    // What begins with __ (a row's values, the time range) Grafana puts in where somebody clicks.
    const left = interpolated(url).match(/\$\{?(?!_)\w+\}?/g);
    if (left) {
      fault('unknown', titleOf(panel), `${left.join(', ')} in the link ${url}`);
    }
  }
}
