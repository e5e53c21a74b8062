/** ★ The evaluation as one HTML page that needs nothing from anywhere else. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evaluation } from '../evaluation.ts';
import { classSection } from './classSection.ts';
import { bundlesSection, readersSection } from './comparisonSections.ts';
import { coverageSection } from './coverageSection.ts';
import { curveSection } from './curveSection.ts';
import { decisionSection } from './decisionSection.ts';
import { type Gallery, gallerySection } from './gallerySection.ts';
import { headSection, summarySection } from './headSection.ts';
import { html } from './html.ts';
import { methodSection } from './methodSection.ts';

/** Of the first bundle; the others stand in the comparison. */
export async function reportPage(evaluation: Evaluation, gallery: Gallery): Promise<string> {
  const style = await readFile(join(import.meta.dirname, 'report.css'), 'utf8');
  const [bundle] = evaluation.bundles;
  const { name, version } = bundle.identity;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evaluation of ${name} ${version}</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>${{ html: style }}</style></head><body>
${headSection(evaluation, bundle)}
<main>${summarySection(evaluation, bundle)}
${decisionSection(bundle)}
${curveSection(bundle, evaluation.data)}
${classSection(bundle, evaluation.data)}
${bundlesSection(evaluation)}
${readersSection(evaluation)}
${coverageSection(bundle)}
${gallerySection(gallery)}
${methodSection(evaluation)}</main></body></html>`;
  return `${page.html}\n`;
}
