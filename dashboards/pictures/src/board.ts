/** A dashboard's JSON, as far as it is drawn. */
import type { DataTransformerConfig, FieldConfigSource } from '@grafana/data';

export interface Target {
  refId: string;
  expr: string;
  format?: string;
  instant?: boolean;
  legendFormat?: string;
  hide?: boolean;
}

export interface Panel {
  id: number;
  type: string;
  title?: string;
  description?: string;
  transparent?: boolean;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: Target[];
  transformations?: DataTransformerConfig[];
  fieldConfig?: FieldConfigSource;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each type of panel has its own
  options?: any;
  interval?: string;
  maxDataPoints?: number;
  repeat?: string;
  repeatDirection?: 'h' | 'v';
  maxPerRow?: number;
  collapsed?: boolean;
  panels?: Panel[];
  links?: { title: string; url: string }[];
}

export interface Variable {
  name: string;
  type: string;
  label?: string;
  hide?: number;
  multi?: boolean;
  includeAll?: boolean;
  allValue?: string;
  query?: string | { query: string };
  regex?: string;
  sort?: number;
  options?: { text: string; value: string; selected?: boolean }[];
  current?: { value?: string | string[] };
}

export interface Annotation {
  name: string;
  enable: boolean;
  hide?: boolean;
  iconColor?: string;
  expr?: string;
  target?: { expr?: string };
  useValueForTime?: boolean;
  builtIn?: number;
  type?: string;
}

export interface Board {
  uid: string;
  title: string;
  time: { from: string; to: string };
  panels: Panel[];
  templating: { list?: Variable[] };
  annotations: { list?: Annotation[] };
  links?: { title: string; type: string }[];
}

/** A panel in its place, with the values of the variables that it is repeated for. */
export interface Placed {
  panel: Panel;
  scoped: Record<string, string>;
}
