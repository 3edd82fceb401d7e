import { renderTextPanelMarkdown } from '@grafana/data';

import type { PanelProps } from './props';

export function TextPanel({ panel, interpolated }: PanelProps) {
  const { mode, content } = panel.options ?? {};
  const text = interpolated(content ?? '');
  return (
    <div
      className="markdown-html"
      style={{ overflow: 'auto', height: '100%' }}
      dangerouslySetInnerHTML={{ __html: mode === 'html' ? text : renderTextPanelMarkdown(text) }}
    />
  );
}
