declare module 'dicom-character-set' {
  /** Decodes bytes by Specific Character Set (0008,0005); several sets are joined by a backslash. */
  export function convertBytes(specificCharacterSet: string, bytes: Uint8Array, options: { vr: string }): string;
}
