/** A failure: `code` is the library's errc by name ("invalid_image"), `message` its sentence. */
export class MobileNetError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'MobileNetError';
    this.code = code;
  }
}

/** The codes of failures after which an instance may have trapped. */
export const fatalCodes = ['internal', 'out_of_memory'];

export const invalidArgument = (message) => new MobileNetError('invalid_argument', message);
