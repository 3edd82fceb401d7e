/** Where each panel of a board stands: rows opened, and what repeats repeated. */
import type { Board, Panel, Placed } from './board';
import type { Variables } from './variables';

const COLUMNS = 24;
const CELL_HEIGHT = 30;
const GAP = 8;

export function placed(board: Board, variables: Variables): Placed[] {
  const found: Placed[] = [];
  let shift = 0;
  for (const section of sections(board.panels)) {
    const row = section[0].type === 'row' ? section[0] : undefined;
    const opened = row?.collapsed ? [row, ...(row.panels ?? [])] : section;
    if (row?.collapsed) {
      // What follows is stored as if the row were closed.
      shift += heightOf(opened) - 1;
    }
    const begin = shift - (row?.collapsed ? heightOf(opened) - 1 : 0);
    const values = row?.repeat ? variables.repeats(row.repeat) : [undefined];
    values.forEach((value, turn) => {
      const scoped: Record<string, string> = value === undefined ? {} : { [row!.repeat!]: value };
      let down = begin + turn * heightOf(opened);
      for (const panel of opened) {
        const made = repeated(panel, scoped, down, variables);
        found.push(...made.panels);
        down += made.more;
        shift += made.more;
      }
      if (turn > 0) {
        shift += heightOf(opened);
      }
    });
  }
  return found;
}

/** Pixels of a place in the grid, from the grid's corner. */
export function pixels({ x, y, w, h }: Panel['gridPos'], width: number) {
  const column = (width - GAP * (COLUMNS - 1)) / COLUMNS;
  return {
    left: x * (column + GAP),
    top: y * (CELL_HEIGHT + GAP),
    width: w * column + (w - 1) * GAP,
    height: h * CELL_HEIGHT + (h - 1) * GAP,
  };
}

/** A row and what follows it. */
function sections(panels: Panel[]): Panel[][] {
  const found: Panel[][] = [];
  for (const panel of panels) {
    if (panel.type === 'row' || !found.length) {
      found.push([]);
    }
    found.at(-1)!.push(panel);
  }
  return found;
}

function heightOf(panels: Panel[]): number {
  const top = Math.min(...panels.map(({ gridPos }) => gridPos.y));
  return Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) - top;
}

function repeated(panel: Panel, scoped: Record<string, string>, down: number, variables: Variables) {
  const moved = (gridPos: Panel['gridPos']): Panel => ({ ...structuredClone(panel), gridPos });
  const { x, y, w, h } = panel.gridPos;
  if (!panel.repeat || panel.type === 'row') {
    return { panels: [{ panel: moved({ x, y: y + down, w, h }), scoped }], more: 0 };
  }
  const values = variables.repeats(panel.repeat);
  const across = panel.repeatDirection === 'v' ? 1 : Math.min(values.length, panel.maxPerRow ?? 4);
  const each = panel.repeatDirection === 'v' ? w : COLUMNS / Math.max(across, 1);
  const panels = values.map((value, turn) => ({
    panel: moved({
      x: panel.repeatDirection === 'v' ? x : (turn % across) * each,
      y: y + down + Math.floor(turn / across) * h,
      w: each,
      h,
    }),
    scoped: { ...scoped, [panel.repeat!]: value },
  }));
  return { panels, more: (Math.ceil(values.length / Math.max(across, 1)) - 1) * h };
}
