/** Folders and files with patient data: for the user that Ichor runs as, and nobody else. */
import { chmod } from 'node:fs/promises';

export const PRIVATE_FOLDER = 0o700;
export const PRIVATE_FILE = 0o600;

/** Tightens a folder from before. Where the file system has no such rights, or another owner, it stays as it is; `ichor doctor` tells. */
export const keepPrivate = (folder: string): Promise<void> => chmod(folder, PRIVATE_FOLDER).catch(() => {});
