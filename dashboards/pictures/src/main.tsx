/** Draws one board; `window.drawn` says that it is, how high it is, and what is wrong with it. */
import '@grafana/react-data-grid/lib/styles.css';
import 'uplot/dist/uPlot.min.css';

import type { DataFrame, TimeRange } from '@grafana/data';
import { GlobalStyles, PanelChrome, ThemeContext } from '@grafana/ui';
import { Component, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';

import { marksOf, type Mark } from './annotations';
import type { Annotation, Board, Placed, Variable } from './board';
import { checked } from './checks';
import { fault, faults } from './faults';
import { prepared, titleOf } from './fields';
import { checkLinks } from './links';
import { pixels, placed } from './layout';
import { LOOK_ALIKES, PANELS } from './panels';
import { framesOf } from './prometheus';
import { board as boardName, theme, timeRange, width } from './request';
import { Variables } from './variables';

const EDGE = 16;
const CAPTION_HEIGHT = 16;
const FONTS = ['400 12px Inter', '500 12px Inter', '400 12px "Roboto Mono"'];

interface Ready extends Placed {
  frames: DataFrame[];
  interpolated: (text: string) => string;
}

async function main(): Promise<void> {
  const board: Board = await (await fetch(`/boards/${boardName}.json`)).json();
  const range = timeRange(board.time);
  const variables = await Variables.of(board, range);
  const marks = await marksOf(board, variables, range);
  const ready = await Promise.all(placed(board, variables).map((one) => asked(one, variables, range)));
  const root = document.getElementById('root')!;
  document.body.style.cssText = `margin: 0; background: ${theme.colors.background.canvas}`;
  const react = createRoot(root);
  const show = (page?: ReactNode) =>
    react.render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        {page}
      </ThemeContext.Provider>
    );
  show();
  await settled(document.documentElement);
  // Axes and tables measure their words before they draw them.
  await Promise.all(FONTS.map((font) => document.fonts.load(font)));
  show(<Page board={board} variables={variables} range={range} marks={marks} ready={ready} />);
  await settled(root);
  checked(root);
  Object.assign(window, { drawn: { height: root.scrollHeight, faults } });
}

async function asked({ panel, scoped }: Placed, variables: Variables, range: TimeRange): Promise<Ready> {
  const step = variables.step(panel.maxDataPoints);
  const plain = (text: string) => variables.interpolated(text, scoped, step, false);
  panel.title = plain(panel.title ?? '');
  const targets = (panel.targets ?? []).filter((target) => !target.hide);
  const forQuery = (text: string) => variables.interpolated(text, scoped, step);
  const found = await framesOf(titleOf(panel), targets, range, step, forQuery);
  const frames = targets.length ? await prepared(panel, found, plain) : [];
  return { panel, scoped, frames, interpolated: plain };
}

interface PageProps {
  board: Board;
  variables: Variables;
  range: TimeRange;
  marks: Mark[];
  ready: Ready[];
}

function Page({ board, variables, range, marks, ready }: PageProps) {
  const inner = width - 2 * EDGE;
  const places = ready.map(({ panel }) => pixels(panel.gridPos, inner));
  const height = Math.max(...places.map((place) => place.top + place.height));
  return (
    <div style={{ width, padding: EDGE, boxSizing: 'border-box', color: theme.colors.text.primary }}>
      <Head board={board} variables={variables} range={range} />
      <div style={{ position: 'relative', height }}>
        {ready.map((one, turn) => (
          <div key={turn} style={{ position: 'absolute', ...places[turn] }}>
            <Shown {...one} size={places[turn]} range={range} marks={marks} />
          </div>
        ))}
      </div>
    </div>
  );
}

function Head({ board, variables, range }: Pick<PageProps, 'board' | 'variables' | 'range'>) {
  const shown = (board.templating.list ?? []).filter(({ hide }: Variable) => hide !== 2);
  const marking = (board.annotations.list ?? []).filter((one: Annotation) => !one.builtIn && !one.hide);
  const box = {
    border: `1px solid ${theme.colors.border.medium}`,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.primary,
    padding: '5px 8px',
  };
  return (
    <>
      <div style={{ display: 'flex', justifyContent: 'space-between', marginBottom: 12 }}>
        <span style={{ fontSize: 18, fontWeight: 500 }}>{board.title}</span>
        <span style={box}>
          {String(range.raw.from)} to {String(range.raw.to)}
        </span>
      </div>
      <div style={{ display: 'flex', flexWrap: 'wrap', gap: 8, marginBottom: 16, fontSize: 12 }}>
        {shown.map((variable) => (
          <span key={variable.name} style={{ display: 'flex' }}>
            {variable.hide !== 1 && (
              <span style={{ ...box, background: theme.colors.background.secondary }}>{variable.label || variable.name}</span>
            )}
            <span style={box}>{variables.words(variable.name)} ▾</span>
          </span>
        ))}
        {marking.map((one) => (
          <span key={one.name} style={{ ...box, color: theme.visualization.getColorByName(one.iconColor ?? 'blue') }}>
            ▲ {one.name}
          </span>
        ))}
        {(board.links ?? []).map((link) => (
          <span key={link.title} style={{ ...box, marginLeft: 'auto' }}>
            {link.title} ☰
          </span>
        ))}
      </div>
    </>
  );
}

interface ShownProps extends Ready {
  size: { width: number; height: number };
  range: TimeRange;
  marks: Mark[];
}

function Shown({ panel, frames, size, range, marks, interpolated }: ShownProps) {
  if (panel.type === 'row') {
    return <div style={{ fontSize: 16, fontWeight: 500, lineHeight: `${size.height}px` }}>⌄ {panel.title}</div>;
  }
  const Drawn = PANELS[panel.type];
  if (!Drawn) {
    fault('unknown', titleOf(panel), `a panel of type ${panel.type}`);
    return <PanelChrome title={panel.title} {...size}>{() => <Words text={`There is no ${panel.type} here.`} />}</PanelChrome>;
  }
  const hasData = panel.type === 'text' || frames.some((frame) => frame.length > 0);
  const words = panel.fieldConfig?.defaults.noValue;
  if (!hasData && !words) {
    fault('empty', titleOf(panel), 'it has no data, and no noValue that says what this means');
  }
  checkLinks(panel, interpolated);
  const alike = LOOK_ALIKES[panel.type];
  return (
    <div data-panel={titleOf(panel)} style={{ height: '100%' }}>
      <PanelChrome
        title={panel.title}
        description={panel.description}
        displayMode={panel.transparent ? 'transparent' : 'default'}
        {...size}
      >
        {(width: number, height: number) => (
          <Guard title={titleOf(panel)}>
            {hasData ? (
              <>
                <Drawn
                  {...{ panel, frames, marks, interpolated, width, timeRange: range }}
                  height={alike ? height - CAPTION_HEIGHT : height}
                />
                {alike && (
                  <div style={{ height: CAPTION_HEIGHT, fontSize: 10, textAlign: 'right', color: theme.colors.text.disabled }}>
                    a look-alike of Grafana's {alike}
                  </div>
                )}
              </>
            ) : (
              <Words text={words ?? 'No data'} />
            )}
          </Guard>
        )}
      </PanelChrome>
    </div>
  );
}

function Words({ text }: { text: string }) {
  return (
    <div style={{ display: 'flex', height: '100%', alignItems: 'center', justifyContent: 'center', color: theme.colors.text.secondary }}>
      {text}
    </div>
  );
}

class Guard extends Component<{ title: string; children: ReactNode }, { broken: boolean }> {
  state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  componentDidCatch(error: Error) {
    fault('failed', this.props.title, `it cannot be drawn: ${error.message}`);
  }

  render() {
    return this.state.broken ? null : this.props.children;
  }
}

/** Until nothing has changed for a while: panels lay themselves out in several turns. */
async function settled(root: HTMLElement): Promise<void> {
  await document.fonts.ready;
  await new Promise<void>((resolve) => {
    let waiting = setTimeout(resolve, QUIET_MS);
    new MutationObserver(() => {
      clearTimeout(waiting);
      waiting = setTimeout(resolve, QUIET_MS);
    }).observe(root, { subtree: true, childList: true, attributes: true });
  });
}
const QUIET_MS = 400;

main().catch((error: Error) => {
  fault('failed', 'the board', `${error.message} ${error.stack}`);
  Object.assign(window, { drawn: { height: 100, faults } });
});
