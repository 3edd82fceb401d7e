import { FieldType, formattedValueToString, getFieldColorModeForField, getFieldDisplayName, type DataFrame, type Field } from '@grafana/data';

import { theme } from '../request';
import type { PanelProps } from './props';

const LEGEND_HEIGHT = 24;
const VALUE_WIDTH = 64;
// Pixels of a bar's thickness, and of the label's: as Grafana leaves out what would overlap.
const LEAST_FOR_A_VALUE = 9;

/** A look-alike. */
export function BarChart({ panel, frames, width, height }: PanelProps) {
  const options = panel.options ?? {};
  const frame = frames[0];
  const label = frame.fields.find((field) => (options.xField ? nameOf(field) === options.xField : field.type === FieldType.string));
  const bars = frame.fields.filter((field) => field.type === FieldType.number && field !== label && !hidden(field));
  if (!label || !bars.length) {
    return null;
  }
  const horizontal =
    options.orientation === 'horizontal' || (options.orientation !== 'vertical' && width < height);
  const drawn = { label, bars, frame, width, height: height - LEGEND_HEIGHT };
  return (
    <div>
      <svg width={width} height={height - LEGEND_HEIGHT} style={{ fontFamily: theme.typography.fontFamily, fontSize: 12 }}>
        {horizontal ? <Horizontal {...drawn} /> : <Vertical {...drawn} />}
      </svg>
      <div style={{ height: LEGEND_HEIGHT, overflow: 'hidden', fontSize: 12, textAlign: 'center' }}>
        {options.legend?.showLegend !== false &&
          bars.map((field, place) => (
            <span key={place} style={{ marginRight: 16 }}>
              <span style={{ display: 'inline-block', width: 14, height: 4, marginRight: 6, verticalAlign: 'middle', background: color(field) }} />
              {getFieldDisplayName(field, frame, frames)}
            </span>
          ))}
      </div>
    </div>
  );
}

interface Drawn {
  label: Field;
  bars: Field[];
  frame: DataFrame;
  width: number;
  height: number;
}

function Horizontal({ label, bars, width, height }: Drawn) {
  const names: string[] = label.values.map((value) => formattedValueToString(label.display!(value)));
  const left = Math.min(width * 0.45, Math.max(...names.map((name) => name.length)) * 6.6 + 12);
  const band = height / names.length;
  const thick = (band * 0.7) / bars.length;
  const { low, span } = scale(bars);
  const reach = (value: number) => ((width - left - VALUE_WIDTH) * (value - low)) / span;
  return names.map((name, row) => (
    <g key={row}>
      <text x={left - 8} y={band * (row + 0.5) + 4} textAnchor="end" fill={theme.colors.text.primary}>
        {name}
      </text>
      {bars.map((field, place) => {
        const value = field.values[row];
        if (value == null) {
          return null;
        }
        const top = band * (row + 0.15) + thick * place;
        return (
          <g key={place}>
            <rect x={left} y={top} width={Math.max(reach(value), 0)} height={thick * 0.95} fill={color(field, value)} />
            {thick >= LEAST_FOR_A_VALUE && (
              <text x={left + reach(value) + 5} y={top + thick / 2 + 4} fill={theme.colors.text.primary}>
                {formattedValueToString(field.display!(value))}
              </text>
            )}
          </g>
        );
      })}
    </g>
  ));
}

function Vertical({ label, bars, width, height }: Drawn) {
  const names: string[] = label.values.map((value) => formattedValueToString(label.display!(value)));
  const bottom = height - 24;
  const band = width / names.length;
  const thick = (band * 0.7) / bars.length;
  const { low, span } = scale(bars);
  const rise = (value: number) => ((bottom - 20) * (value - low)) / span;
  return names.map((name, group) => (
    <g key={group}>
      <text x={band * (group + 0.5)} y={height - 6} textAnchor="middle" fill={theme.colors.text.primary}>
        {name}
      </text>
      {bars.map((field, place) => {
        const value = field.values[group];
        if (value == null) {
          return null;
        }
        const left = band * (group + 0.15) + thick * place;
        const high = Math.max(rise(value), 0);
        return (
          <g key={place}>
            <rect x={left} y={bottom - high} width={thick * 0.95} height={high} fill={color(field, value)} />
            <text x={left + thick / 2} y={bottom - high - 5} textAnchor="middle" fill={theme.colors.text.primary}>
              {formattedValueToString(field.display!(value))}
            </text>
          </g>
        );
      })}
    </g>
  ));
}

function scale(bars: Field[]): { low: number; span: number } {
  const values = bars.flatMap((field) => field.values.filter((value) => value != null) as number[]);
  const low = bars[0].config.min ?? Math.min(0, ...values);
  const high = bars[0].config.max ?? Math.max(...values);
  return { low, span: high - low || 1 };
}

function nameOf(field: Field): string {
  return field.state?.displayName ?? field.name;
}

function hidden(field: Field): boolean {
  return field.config.custom?.hideFrom?.viz === true;
}

function color(field: Field, value = 0): string {
  const mode = getFieldColorModeForField(field);
  return mode.isByValue ? (field.display!(value).color ?? 'gray') : mode.getCalculator(field, theme)(0, 0);
}
