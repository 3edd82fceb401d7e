/** What only the drawn page shows: columns outside their panel, text that is cut off, legends. */
import { fault } from './faults';

// Browsers round to whole pixels.
const TOLERANCE = 1;
// Of a panel that its plot has to have beside title and legend.
const LEAST_SHARE = 0.5;
// What is narrower is there for screen readers alone.
const NARROWEST = 4;

export function checked(root: HTMLElement): void {
  for (const panel of root.querySelectorAll<HTMLElement>('[data-panel]')) {
    const title = panel.dataset.panel!;
    const { right } = panel.getBoundingClientRect();
    for (const column of panel.querySelectorAll<HTMLElement>('[role="columnheader"]')) {
      if (column.getBoundingClientRect().right > right + TOLERANCE) {
        fault('outside', title, `the column ${column.textContent?.trim()}`);
      }
    }
    const { height } = panel.getBoundingClientRect();
    for (const plot of panel.querySelectorAll('.uplot')) {
      const share = plot.getBoundingClientRect().height / height;
      if (share < LEAST_SHARE) {
        fault('squeezed', title, `its legend leaves ${Math.round(100 * share)} % of it`);
      }
    }
    for (const cut of panel.querySelectorAll<HTMLElement>('*')) {
      if (isCut(cut)) {
        fault('cut', title, cut.textContent!.trim());
      }
    }
  }
}

function isCut(element: HTMLElement): boolean {
  const holdsText = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent!.trim());
  if (!holdsText || element instanceof SVGElement) {
    return false;
  }
  const style = getComputedStyle(element);
  const isShown = element.clientWidth >= NARROWEST && style.visibility !== 'hidden';
  return isShown && style.overflowX !== 'visible' && element.scrollWidth > element.clientWidth + TOLERANCE;
}
