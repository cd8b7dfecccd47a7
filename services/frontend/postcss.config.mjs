// Tailwind generates a style sheet from the class names in use.
const config = { plugins: { "@tailwindcss/postcss": {} } };

export default config;
