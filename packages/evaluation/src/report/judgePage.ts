/** The page on which a reader judges heat maps, and that counts: one file that needs nothing from anywhere else. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelIdentity } from '@ichor/shared/study';
import { NOTICE } from '../evaluation.ts';
import type { FlaggedPicture } from '../gallery/drawFlagged.ts';
import { count, decimal } from '../numbers.ts';
import { type Html, html } from './html.ts';
import { findingName } from './words.ts';

export type JudgedSet = {
  readonly model: ModelIdentity;
  readonly pictures: readonly FlaggedPicture[];
  /** Flagged studies in all; those shown may be fewer. */
  readonly flagged: number;
};

const VERDICTS = [
  {
    value: 'correct',
    text: 'Correct',
    key: '1',
    means: 'the map lies on a hemorrhage of this kind and on little else',
  },
  { value: 'partly', text: 'Partly', key: '2', means: 'it lies on one and on something else, or on a part of it only' },
  { value: 'wrong', text: 'Wrong', key: '3', means: 'there is none where it lies' },
] as const;

export async function judgePage({ model, pictures, flagged }: JudgedSet): Promise<string> {
  const [style, own, script] = await Promise.all(['report.css', 'judgePage.css', 'judgePage.client.js'].map(read));
  const studies = new Set(pictures.map(({ studyInstanceUid }) => studyInstanceUid)).size;
  const shown =
    studies === flagged
      ? count(flagged, 'flagged study', 'flagged studies')
      : `${studies} of ${flagged} flagged studies, evenly spread over their scores`;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Where ${model.name} ${model.version} looked</title>
<meta name="referrer" content="no-referrer"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>${{ html: `${style}${own}` }}</style></head><body data-set="${model.sha256.slice(0, 16)}-${pictures.length}">
<header><p class="over">Heat maps to judge</p><h1>${model.name} ${model.version}</h1>
<p>${count(pictures.length, 'key slice')} of ${shown}, as the PACS gets them. Say of each where its map lies; keys 1, 2, 3 judge the framed one and go on.</p>
<dl class="facts">${VERDICTS.map(({ text, key, means }) => html`<dt>${text} (${key})</dt><dd>${means}</dd>`)}</dl>
<p class="notice">${NOTICE} A heat map shows what drove a score, not the extent of a hemorrhage.</p></header>
<section class="tally" aria-live="polite"><div class="scroll"><table><thead><tr><th>map of</th><th>correct</th><th>partly</th><th>wrong</th><th>not judged</th></tr></thead><tbody></tbody></table></div>
<p><label>Reader <input id="reader" autocomplete="off" placeholder="initials"></label> <button id="save">Save as CSV</button> <span class="quiet">Verdicts are kept in this browser; save them to take them elsewhere.</span></p></section>
<main class="figures">${pictures.map(figure)}</main>
<script>${{ html: script ?? '' }}</script></body></html>`;
  return `${page.html}\n`;
}

const read = (name: string): Promise<string> => readFile(join(import.meta.dirname, name), 'utf8');

function figure(picture: FlaggedPicture, index: number): Html {
  const { studyInstanceUid, sopInstanceUid, slice, slices, finding, probability, labelled, plain, heatmap } = picture;
  return html`<figure id="f${index}" tabindex="0" data-study="${studyInstanceUid}" data-instance="${sopInstanceUid}" data-slice="${slice}" data-finding="${finding}" data-score="${decimal(probability)}">
<div class="pair"><img alt="Slice ${slice} of ${slices}, brain window" src="${dataUrl(plain)}"><img alt="The same slice with the map of ${finding}" src="${dataUrl(heatmap)}"></div>
<figcaption>${finding} ${decimal(probability)}, slice ${slice} of ${slices}. ${labelText(labelled)}</figcaption>
<fieldset><legend class="hidden">Verdict on figure ${index + 1}</legend>${VERDICTS.map(({ value, text }) => html`<label><input type="radio" name="v${index}" value="${value}"> ${text}</label>`)}</fieldset>
<p class="uid quiet">${sopInstanceUid}</p></figure>`;
}

function labelText(labelled: FlaggedPicture['labelled']): string {
  if (labelled === null) return 'The slice has no label of its own.';
  const kinds = labelled.filter((name) => name !== 'any').map((name) => findingName(name).toLowerCase());
  if (labelled.length === 0) return 'Labelled: no hemorrhage.';
  return `Labelled: ${kinds.join(', ') || 'hemorrhage'}.`;
}

const dataUrl = (jpeg: Buffer): string => `data:image/jpeg;base64,${jpeg.toString('base64')}`;
