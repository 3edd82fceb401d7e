/** What is wrong with a board as it was drawn; draw.mjs prints it, a test holds that there is nothing. */
export type Kind =
  // A panel, a variable, a transformation or an option that this renderer does not know.
  | 'unknown'
  // Prometheus refused a query, or a transformation broke.
  | 'failed'
  // A panel without data and without words that say what that means.
  | 'empty'
  // A column of a table that lies outside its panel.
  | 'outside'
  // A plot that title and legend leave less than half of its panel.
  | 'squeezed'
  // Text that does not fit where it stands.
  | 'cut';

export interface Fault {
  kind: Kind;
  panel: string;
  text: string;
}

export const faults: Fault[] = [];

export function fault(kind: Kind, panel: string, text: string): void {
  if (!faults.some((one) => one.kind === kind && one.panel === panel && one.text === text)) {
    faults.push({ kind, panel, text });
  }
}
