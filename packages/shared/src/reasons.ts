/**
 * Why a series was not chosen, or a study not analysed: a code for programs and a sentence that a technologist
 * understands. A study never becomes `clear` when one of these applies to the series it would rest on.
 * `docs/failures.md` is checked against this table by a test.
 */
export const REASONS = {
  'no-head-ct': 'The study holds no CT series that could be a head CT.',
  'not-ct': 'The series is not CT.',
  'not-head': 'The series does not show the head, by its header.',
  'not-axial': 'The slices are not axial.',
  localizer: 'The series is a localizer (scout).',
  derived: 'The images are derived or secondary (reformat, projection, screen capture), not original slices.',
  contrast: 'Contrast agent was given; the model knows non-contrast CT only.',
  'angiography-or-perfusion': 'The series is CT angiography, venography or perfusion.',
  'bone-kernel': 'The series was reconstructed with a bone kernel; send the soft-tissue reconstruction.',
  'too-few-slices': 'The series has fewer than 12 slices; the whole head is needed.',
  'too-many-slices': 'The series has more slices than can be analysed; send a reconstruction of 2.5 to 5 mm.',
  'missing-slices': 'There is a gap between slices: at least one slice is missing.',
  'incomplete-coverage': 'The slices cover too little of the head.',
  'uneven-slices':
    'Slice thickness or distance changes within the series; the model knows even series only. Send an even reconstruction.',
  'duplicate-positions': 'Two slices lie at the same position.',
  'mixed-frames-of-reference': 'The slices belong to different frames of reference.',
  'mixed-orientations': 'The slices do not share one orientation.',
  'mixed-matrices': 'The slices do not share one matrix and pixel spacing.',
  'mixed-acquisitions':
    'The series holds more than one acquisition of the same region; which of them to read is not known. Send each as a series of its own.',
  'missing-geometry': 'Position, orientation or pixel spacing of a slice is missing or invalid.',
  'missing-pixel-data': 'An instance has no Pixel Data.',
  'truncated-pixel-data': 'Pixel Data of an instance is shorter or longer than Rows × Columns require.',
  'undecodable-pixel-data': 'Pixel Data of an instance cannot be decoded.',
  'unsupported-transfer-syntax': 'The transfer syntax of an instance is not supported.',
  'unsupported-photometric':
    'The photometric interpretation is not MONOCHROME1 or MONOCHROME2 with one sample per pixel.',
  'unsupported-pixel-format':
    'The header does not turn the pixels into Hounsfield units that can be relied on: integers of 8 or 16 bits with one linear rescale are needed, and what it says of bits, padding and units must fit the pixels.',
  'implausible-values':
    'The pixel values are not those of a head in Hounsfield units. Check Rescale Slope and Intercept, Bits Stored, Pixel Representation and Photometric Interpretation.',
  'mixed-patients': 'The instances of the series name different patients.',
  'conflicting-instances': 'Two instances with the same SOP Instance UID have different content.',
  'blank-slice': 'A slice shows nothing although its neighbours do: its pixels were lost.',
  'incomplete-study':
    'Instances of the study did not arrive, and without them its answer could be falsely negative. Send the whole study again.',
  'unreadable-instance': 'The header of an instance cannot be read.',
  'less-suited': 'Another series of the study suits the analysis better.',
  'out-of-domain':
    'The images are unlike those the model knows. Check body part, rescale values, noise and metal; read the study as usual.',
} as const satisfies Record<string, string>;

export type ReasonCode = keyof typeof REASONS;

/** A reason with its sentence and, where it helps, the detail of this very case ("gap of 10 mm after slice 14"). */
export type Reason = { readonly code: ReasonCode; readonly sentence: string; readonly detail?: string };

export function reason(code: ReasonCode, detail?: string): Reason {
  return detail === undefined ? { code, sentence: REASONS[code] } : { code, sentence: REASONS[code], detail };
}
