// For require(), which has the two functions only.
import type {ConvertOptions, LoadOptions, MobileNet, ModelInput} from './index.js' with {'resolution-mode': 'import'};
export type * from './index.js' with {'resolution-mode': 'import'};
export function load(options?: LoadOptions): Promise<MobileNet>;
export function convert(model: ModelInput, options?: ConvertOptions): Promise<Uint8Array>;
