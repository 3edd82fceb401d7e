import { FieldType, formattedValueToString, getFieldDisplayName } from '@grafana/data';

import { theme } from '../request';
import type { PanelProps } from './props';

const AXIS_HEIGHT = 22;

/** A look-alike: a bar for each series, cut where its value changes. */
export function StateTimeline({ frames, width, height, timeRange }: PanelProps) {
  const series = frames.flatMap((frame) => {
    const times = frame.fields.find((field) => field.type === FieldType.time);
    return frame.fields
      .filter((field) => field !== times)
      .map((field) => ({ name: getFieldDisplayName(field, frame, frames), field, times: times?.values ?? [] }));
  });
  const left = Math.min(width * 0.3, Math.max(...series.map(({ name }) => name.length)) * 6.6 + 12);
  const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
  const at = (time: number) => left + ((width - left) * (time - from)) / (to - from);
  const band = (height - AXIS_HEIGHT) / series.length;
  return (
    <svg width={width} height={height} style={{ fontFamily: theme.typography.fontFamily, fontSize: 12 }}>
      {series.map(({ name, field, times }, row) => (
        <g key={row}>
          <text x={left - 8} y={band * (row + 0.5) + 4} textAnchor="end" fill={theme.colors.text.primary}>
            {name}
          </text>
          {spans(times, field.values).map(({ begin, end, value }, place) => {
            const shown = field.display!(value);
            const wide = Math.max(at(end) - at(begin), 1);
            const text = formattedValueToString(shown);
            return (
              <g key={place}>
                <rect x={at(begin)} y={band * (row + 0.05)} width={wide} height={band * 0.9} fill={shown.color} fillOpacity={0.7} />
                {wide > text.length * 7 && (
                  <text x={at(begin) + 6} y={band * (row + 0.5) + 4} fill={theme.colors.text.primary}>
                    {text}
                  </text>
                )}
              </g>
            );
          })}
        </g>
      ))}
      {[0, 0.25, 0.5, 0.75, 1].map((part) => (
        <text key={part} x={left + (width - left) * part} y={height - 5} textAnchor={part === 1 ? 'end' : 'start'} fill={theme.colors.text.secondary}>
          {new Date(from + (to - from) * part).toISOString().slice(5, 16).replace('T', ' ')}
        </text>
      ))}
    </svg>
  );
}

function spans(times: number[], values: unknown[]) {
  const found: { begin: number; end: number; value: unknown }[] = [];
  times.forEach((time, place) => {
    const last = found.at(-1);
    if (last) {
      last.end = time;
    }
    if (!last || last.value !== values[place]) {
      found.push({ begin: time, end: time, value: values[place] });
    }
  });
  return found;
}
