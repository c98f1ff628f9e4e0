// The command line's entry. It has no commands yet.

console.log('sluice 0.1.0');
