/** Debian's Chromium, driven by Playwright; software rendering, since the machines have no display. */
import { type Browser, chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const WEBGL = ['--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader', '--ignore-gpu-blocklist'];

/** @param graphics `webgl` for viewers of images; `plain` draws pages much faster where there is no graphics card */
export const openBrowser = (graphics: 'webgl' | 'plain' = 'webgl'): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env['ICHOR_CHROMIUM'] ?? '/usr/bin/chromium',
    args: [...FLAGS, ...(graphics === 'webgl' ? WEBGL : ['--disable-gpu'])],
  });
