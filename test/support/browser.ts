/** Debian's Chromium, driven by Playwright; software rendering, since the machines have no display. */
import { type Browser, chromium, type Page } from 'playwright-core';

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

/** Collects what the browser complains of: errors of scripts, what the policy forbids, and what a page asks for and does not get. */
export function watchComplaints(page: Page, complaints: string[]): void {
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    const knownByAnswer = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !knownByAnswer) complaints.push(message.text());
  });
  page.on('response', (answer) => {
    if (answer.status() >= 400 && !answer.request().isNavigationRequest())
      complaints.push(`${answer.status()} ${answer.url()}`);
  });
}
