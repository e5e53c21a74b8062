/** The worst errors of every class, for eyes: the slice that scored highest, what the model looked at, and the scores along the stack. */
import type { FindingClass } from '@ichor/shared/study';
import type { DrawnError } from '../gallery/drawErrors.ts';
import type { ErrorImage } from '../gallery/pictureCache.ts';
import { count, decimal } from '../numbers.ts';
import { type Html, html } from './html.ts';
import { type Profile, sliceProfile } from './intervalBar.ts';
import { findingName } from './words.ts';

/** Any hemorrhage first, then the kinds. */
export type Gallery = readonly ClassGallery[];
export type ClassGallery = {
  readonly finding: FindingClass;
  readonly drawn: readonly DrawnError[];
  readonly missed: number;
  readonly falseAlarms: number;
};

export function gallerySection(gallery: Gallery): Html {
  return html`<h2>Worst errors</h2>
<p>At the default thresholds, class by class; a kind is called only where any hemorrhage is. Each with the slice that scored highest for the class, and where it was missed also the highest slice that is labelled positive; beside them the Grad-CAM of the class (brain window, 0–80 HU). Below, the probability along the stack: shaded slices are labelled positive, the dashed line is the threshold.</p>
${gallery.map(classGallery)}`;
}

function classGallery({ finding, drawn, missed, falseAlarms }: ClassGallery): Html {
  const all = drawn.length === missed + falseAlarms;
  return html`<h3>${findingName(finding)}: ${count(missed, 'scan')} missed, ${count(falseAlarms, 'false alarm')}</h3>
${drawn.length > 0 && !all && html`<p class="note">Shown are the ${drawn.length} that are furthest from the truth.</p>`}
${drawn.length > 0 && html`<div class="gallery">${drawn.map(errorCard)}</div>`}`;
}

function errorCard(error: DrawnError): Html {
  const { kind, finding, studyInstanceUid, score, threshold, withoutAny, labelled, profile, images } = error;
  const shows = labelled.map((name) => findingName(name).toLowerCase()).join(', ');
  const unnamed = kind === 'missed' && finding === 'any' ? 'hemorrhage' : 'no kind of hemorrhage';
  return html`<article class="error"><h4><span class="kind">${kind === 'missed' ? 'Missed' : 'False alarm'}</span> ${decimal(score)}, threshold ${decimal(threshold)}</h4>
<p class="note">Labelled: ${shows || unnamed}.${withoutAny && ' It reached its threshold, but any hemorrhage did not.'}</p>
${images.length === 0 && html`<p class="note">The model gives no heat map here.</p>`}
${images.map((image) => imagePair(image, profile))}
${sliceProfile(
  profile,
  threshold,
  images.map(({ sliceIndex }) => sliceIndex),
  findingName(finding).toLowerCase(),
)}
<p class="uid quiet">${studyInstanceUid}</p></article>`;
}

function imagePair({ sliceIndex, slice, heatmap }: ErrorImage, profile: Profile): Html {
  const { labelled, probability } = profile[sliceIndex]!;
  const highest = Math.max(...profile.map((one) => one.probability)) === probability;
  const label = labelled === null ? '' : `, labelled ${labelled ? 'positive' : 'negative'}`;
  const what = highest ? 'the highest of all' : 'the highest that is labelled positive';
  return html`<figure><div class="pair"><img alt="Slice ${sliceIndex + 1} of ${profile.length}, brain window" src="${dataUrl(slice)}"><img alt="The same slice with its Grad-CAM" src="${dataUrl(heatmap)}"></div>
<figcaption>Slice ${sliceIndex + 1} of ${profile.length}: ${decimal(probability)}, ${what}${highest && label}</figcaption></figure>`;
}

const dataUrl = (jpeg: Buffer): string => `data:image/jpeg;base64,${jpeg.toString('base64')}`;
