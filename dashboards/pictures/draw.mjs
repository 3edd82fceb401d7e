/**
 * Draws dashboards: serves the built page and a way to Prometheus on the loopback, opens each
 * board in Chromium, and prints what is wrong with it as JSON: {board: {height, faults}}.
 *
 *   node draw.mjs --boards FOLDER --prometheus URL [--output FOLDER] [--board NAME]...
 *     [--theme light|dark]... [--width 1600] [--scrape SECONDS] [--query KEY=VALUE]...
 *
 * Without --output no picture is kept.
 */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import { parseArgs } from 'node:util';

import puppeteer from 'puppeteer-core';

const { values: asked } = parseArgs({
  options: {
    boards: { type: 'string' },
    prometheus: { type: 'string' },
    output: { type: 'string' },
    board: { type: 'string', multiple: true, default: [] },
    theme: { type: 'string', multiple: true, default: ['light'] },
    width: { type: 'string', default: '1600' },
    scrape: { type: 'string', default: '15' },
    query: { type: 'string', multiple: true, default: [] },
  },
});

const HERE = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const MODULES = path.join(HERE, 'node_modules');
// By the beginning of an address: where Grafana's code expects what it loads.
const FOLDERS = {
  '/out/': path.join(HERE, 'out'),
  '/boards/': path.resolve(asked.boards),
  '/public/build/img/': path.join(MODULES, '@grafana/ui/dist/public/img'),
};
const TYPES = { '.js': 'text/javascript', '.css': 'text/css', '.json': 'application/json', '.svg': 'image/svg+xml', '.html': 'text/html' };
// A board that is not drawn by then never is.
const PATIENCE_MS = 90_000;
const HIGHEST = 10_000;

function fileOf(address) {
  if (address === '/') {
    return path.join(HERE, 'src/page.html');
  }
  const font = /^\/public\/fonts\/(inter|roboto)\/(?:Inter-(Medium)?(Italic)?)?/.exec(address);
  if (font) {
    const family = font[1] === 'inter' ? 'inter' : 'roboto-mono';
    const face = `${family}-latin-${font[2] ? 500 : 400}-${font[3] ? 'italic' : 'normal'}.woff2`;
    return path.join(MODULES, '@fontsource', family, 'files', face);
  }
  for (const [begin, folder] of Object.entries(FOLDERS)) {
    if (address.startsWith(begin)) {
      return path.join(folder, path.normalize(`/${address.slice(begin.length)}`));
    }
  }
  return undefined;
}

async function serve(request, response) {
  const address = new URL(request.url, 'http://loopback').pathname;
  if (address.startsWith('/prometheus/')) {
    const target = asked.prometheus + request.url.slice('/prometheus'.length);
    const { method, headers } = request;
    request.pipe(
      http
        .request(target, { method, headers: { 'content-type': headers['content-type'] ?? '' } }, (answer) => {
          response.writeHead(answer.statusCode, { 'content-type': 'application/json' });
          answer.pipe(response);
        })
        .on('error', (error) => {
          response.writeHead(502);
          response.end(JSON.stringify({ status: 'error', error: error.message }));
        })
    );
    return;
  }
  const file = fileOf(address);
  const found = file && (await stat(file).catch(() => undefined));
  if (!found?.isFile()) {
    response.writeHead(404);
    response.end();
    return;
  }
  response.writeHead(200, { 'content-type': TYPES[path.extname(file)] ?? 'application/octet-stream' });
  createReadStream(file).pipe(response);
}

async function draw(browser, port, board, theme) {
  const page = await browser.newPage();
  const broken = [];
  page.on('pageerror', (error) => broken.push({ kind: 'failed', panel: 'the page', text: String(error) }));
  try {
    const width = Number(asked.width);
    // The whole board is laid out at once: what is out of sight is not, in tables.
    await page.setViewport({ width, height: HIGHEST });
    const query = new URLSearchParams({ board, theme, width, scrape: asked.scrape });
    for (const pair of asked.query) {
      const [key, ...value] = pair.split('=');
      query.append(key, value.join('='));
    }
    await page.goto(`http://127.0.0.1:${port}/?${query}`, { timeout: PATIENCE_MS });
    await page.waitForFunction(() => window.drawn, { timeout: PATIENCE_MS });
    const { height, faults } = await page.evaluate(() => window.drawn);
    if (asked.output) {
      const clip = { x: 0, y: 0, width, height: Math.min(height, HIGHEST) };
      await page.screenshot({ path: path.join(asked.output, `${board}-${theme}.png`), clip });
    }
    return { height, faults: [...broken, ...faults] };
  } finally {
    await page.close();
  }
}

const boards = asked.board.length
  ? asked.board
  : (await readdir(asked.boards)).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5)).sort();
const server = http.createServer((request, response) => {
  serve(request, response).catch((error) => response.destroy(error));
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--force-color-profile=srgb', '--font-render-hinting=none'],
});
try {
  const report = {};
  for (const board of boards) {
    for (const theme of asked.theme) {
      report[board] = await draw(browser, server.address().port, board, theme);
    }
  }
  process.stdout.write(JSON.stringify(report));
} finally {
  await browser.close();
  server.close();
}
