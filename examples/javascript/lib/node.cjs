// For require(): both functions are asynchronous, so the ES module is loaded by the first call.
'use strict';

exports.load = async (...options) => (await import('./node.js')).load(...options);
exports.convert = async (...options) => (await import('./node.js')).convert(...options);
