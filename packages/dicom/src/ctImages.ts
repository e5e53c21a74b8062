/** CT, Enhanced CT and Legacy Converted Enhanced CT Image Storage (PS3.4 table B.5-1): what can be a CT slice. */
export const CT_IMAGES: ReadonlySet<string> = new Set([
  '1.2.840.10008.5.1.4.1.1.2',
  '1.2.840.10008.5.1.4.1.1.2.1',
  '1.2.840.10008.5.1.4.1.1.2.2',
]);
