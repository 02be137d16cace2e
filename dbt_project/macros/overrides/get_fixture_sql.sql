{# Overrides dbt's get_fixture_sql, which asks the database for the types of a unit test's input: an ephemeral model has
   no table. Its columns are given here, so that its rows are written in YAML like those of any other input. #}
{% macro get_fixture_sql(rows, column_name_to_data_types) -%}
    {%- set types = types_of_ephemeral_models().get(model.name) -%}
    {%- if not types -%}
        {{ return(dbt.get_fixture_sql(rows, column_name_to_data_types)) }}
    {%- endif -%}
    {%- for row in rows or [{}] %}
    {%- set given = format_row(row, types) %}
    select
        {% for name, type in types.items() -%}
        {{ given.get(name, 'cast(null as ' ~ type ~ ')') }} as {{ adapter.quote(name) }}{{ ', ' if not loop.last }}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {{ 'limit 0' if not rows }}
{%- endmacro %}

{% macro types_of_ephemeral_models() -%}
    {%- set days = {'event_month': 'date', 'event_date': 'date'} -%}
    {%- set arrivals = dict(
        days, merchant_id='varchar', source='varchar', id='varchar', type='varchar', time='timestamp(3) with time zone',
        accepted_at='timestamp(3) with time zone', edge='varchar', segment='varchar', seq='bigint', subject='varchar',
        extensions='varchar', replay_of='varchar', data='varchar'
    ) -%}
    {%- do return({
        'arrivals': arrivals,
        'touched_days': days,
        'int_duplicate_candidates': {'identity_hash': 'bigint'},
        'int_ranked_copies': dict(
            arrivals, origin='varchar', former_verdict='varchar', former_detail='varchar', place='bigint', same_content='boolean',
            first_position='varchar'
        ),
    }) -%}
{%- endmacro %}
