/** What the words of an instance's header say of it. Pure. */
import { DERIVED_TYPE, WITHOUT_CONTRAST } from './headerTerms.ts';
import type { InstanceHeader } from './readHeaders.ts';

export function isDerived(one: InstanceHeader): boolean {
  const [first, second] = one.imageType.map(upper);
  const framesDerived = one.frames.some(({ frameType }) => upper(frameType[0] ?? '') === 'DERIVED');
  return (
    first === 'DERIVED' ||
    second === 'SECONDARY' ||
    framesDerived ||
    one.imageType.some((type) => DERIVED_TYPE.has(upper(type)))
  );
}

export const hasType = (one: InstanceHeader, type: string): boolean =>
  one.imageType.some((value) => upper(value) === type);
export const upper = (text: string): string => text.toUpperCase().replaceAll('_', ' ');
/**
 * A protocol is often that of the whole examination ("stroke: native, CTA, perfusion"), and stands in every series of it: where
 * a description says that its series is without contrast, the protocol is not asked.
 */
export const ownText = (one: InstanceHeader): string => {
  const description = upper(one.seriesDescription ?? '');
  return WITHOUT_CONTRAST.test(description) ? description : seriesText(one);
};
export const seriesText = (one: InstanceHeader): string =>
  `${upper(one.seriesDescription ?? '')} ${upper(one.protocolName ?? '')}`;
