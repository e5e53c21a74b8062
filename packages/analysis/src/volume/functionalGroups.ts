/** What an instance says of all its frames, also where multi-frame images say it: in functional groups (PS3.3 C.7.6.16). */
import type { Dataset } from '@ichor/dicom/dataset';

/** Contrast/Bolus Agent, its ingredient, or its sequence, the only one that enhanced CT has (PS3.3 C.7.6.4, C.7.6.4b). */
export function contrastAgentOf(dataset: Dataset): string | null {
  for (const source of [dataset, ...convertedOf(dataset)]) {
    const item = source.items('ContrastBolusAgentSequence')[0];
    const code = item && (item.text('CodeMeaning') ?? 'Contrast/Bolus Agent Sequence');
    const agent = source.text('ContrastBolusAgent') ?? source.text('ContrastBolusIngredient') ?? code;
    if (agent !== undefined && agent !== null) return agent;
  }
  return null;
}

/** Convolution Kernel, also where enhanced CT keeps it: CT Reconstruction Sequence (0018,9314) of the functional groups. */
export function kernelsOf(dataset: Dataset): string[] {
  const enhanced = groupsOf(dataset).flatMap((group) =>
    group.items('CTReconstructionSequence').flatMap((item) => item.texts('ConvolutionKernel')),
  );
  const converted = convertedOf(dataset).flatMap((item) => item.texts('ConvolutionKernel'));
  return [...new Set([...dataset.texts('ConvolutionKernel'), ...enhanced, ...converted])].filter(Boolean);
}

/** Rescale Type; enhanced CT has it in its Pixel Value Transformation Sequence (0028,9145). */
export function rescaleTypesOf(dataset: Dataset): string[] {
  const sources = [dataset, ...groupsOf(dataset).flatMap((group) => group.items('PixelValueTransformationSequence'))];
  return [...new Set(sources.flatMap((source) => source.text('RescaleType') ?? []))];
}

/** Functional groups go before the dataset itself, as in loadSlice. */
export function rescalesOf(dataset: Dataset): string[] {
  const grouped = groupsOf(dataset).flatMap((group) => group.items('PixelValueTransformationSequence'));
  const sources = grouped.length > 0 ? grouped : [dataset];
  const pairs = sources.map(
    (source) => `${source.number('RescaleSlope') ?? 1} and ${source.number('RescaleIntercept')}`,
  );
  return [...new Set(pairs)];
}

/** Body Part Examined, or Anatomic Region Sequence (0008,2218), in enhanced CT within Frame Anatomy (0020,9071): its Code Meaning. */
export function bodyPartOf(dataset: Dataset): string | null {
  const bodyPart = [dataset, ...convertedOf(dataset)].flatMap((source) => source.text('BodyPartExamined') ?? [])[0];
  const sources = [dataset, ...groupsOf(dataset).flatMap((group) => group.items('FrameAnatomySequence'))];
  return (
    bodyPart ??
    sources.flatMap((source) => source.items('AnatomicRegionSequence')[0]?.text('CodeMeaning') ?? [])[0] ??
    null
  );
}

/** Functional groups, shared ones first. */
const groupsOf = (dataset: Dataset): Dataset[] => [
  ...dataset.items('SharedFunctionalGroupsSequence'),
  ...dataset.items('PerFrameFunctionalGroupsSequence'),
];

/**
 * What a converter found in classic images and had no place for (Unassigned Shared and Per-Frame Converted Attributes, PS3.3
 * C.7.6.16.2.25 and .26): legacy converted enhanced CT has kernel, body part and contrast agent there.
 */
const convertedOf = (dataset: Dataset): Dataset[] =>
  groupsOf(dataset).flatMap((group) => [
    ...group.items('UnassignedSharedConvertedAttributesSequence'),
    ...group.items('UnassignedPerFrameConvertedAttributesSequence'),
  ]);
